"""Do two versions of the worker share one queue, through deployments forward and back, and stay exact?"""
