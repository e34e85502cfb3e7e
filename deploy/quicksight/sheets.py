"""Which questions does the dashboard answer, and in which order?"""

from __future__ import annotations

from deploy.quicksight.forecast_sheets import ACCURACY, FORECAST
from deploy.quicksight.stock_sheets import HEALTH, REORDERS, STOCKOUTS

SHEETS = (HEALTH, FORECAST, REORDERS, ACCURACY, STOCKOUTS)
