"""Is an evaluation right, and is it fair?"""
