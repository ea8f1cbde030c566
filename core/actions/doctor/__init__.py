"""The store check: is everything that is needed here, whole, and set up so that it fits together?"""
