"""How often is a planner told something, on real sales?"""
