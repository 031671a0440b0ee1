"""Adaptation of trained models that stay frozen: adapters, reprogramming, Voice2Series."""
