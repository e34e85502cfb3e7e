"""Does any decoder crash, hang or disagree with its twin on bytes that nobody would send?"""
