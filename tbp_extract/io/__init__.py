"""Every file that is opened: scans, lists, shards, tables."""
