"""How patient is Hypothesis here? As patient as a busy machine needs: how long an example takes proves nothing."""

from hypothesis import HealthCheck, settings

settings.register_profile("domain", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("domain")
