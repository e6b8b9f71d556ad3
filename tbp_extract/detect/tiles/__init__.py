"""Flat views of the skin in true millimetres, for whatever looks for lesions in them.

`skin` asks the mesh what all views need, `views` draws some, `lay` covers the body with them.
"""
