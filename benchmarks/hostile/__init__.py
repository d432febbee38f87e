"""One account attacks the service. What do its neighbours notice?"""
