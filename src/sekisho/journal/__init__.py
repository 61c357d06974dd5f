"""journal: what did we decide, in what order, and can anyone have changed it?"""
