"""Compare: which method is better, over seeds, and is that more than luck?"""
