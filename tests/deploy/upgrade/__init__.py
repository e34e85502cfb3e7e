"""Do two versions of the worker share one queue, through a rolling deployment and back, and does everything stay exact?"""
