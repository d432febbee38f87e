"""One account does its worst; what do its neighbours notice?"""
