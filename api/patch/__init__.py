"""Patches on JSON trees: JSON patch, JSON merge patch, strategic merge patch, and how to make the last.

All are pure: they return a new tree that shares what did not change with the old one, and never touch an argument.
Failures are `api.errors`, with upstream's reasons and codes.
"""

from api.patch.diff import create_three_way_merge_patch as create_three_way_merge_patch
from api.patch.diff import create_two_way_merge_patch as create_two_way_merge_patch
from api.patch.json_patch import json_patch as json_patch
from api.patch.merge_patch import merge_patch as merge_patch
from api.patch.strategic import strategic_merge as strategic_merge
