"""Profiles: what a label set calls positive, as data."""

from mining.profiles.profile import Aggregation, Profile, ProfileError, load_profile, profile_names

__all__ = ["Aggregation", "Profile", "ProfileError", "load_profile", "profile_names"]
