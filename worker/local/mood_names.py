"""Which moods of the stand-in for Bedrock may a command line ask for?

Names and help alone, so that nothing else has to be there for --help; worker/local/moods.py is what they are."""

from __future__ import annotations

from typing import Final

OFF: Final = "off"
WELL: Final = "rules"
MOOD_NAMES: Final = (
    *(WELL, "old", OFF),
    *("slow", "timeout", "throttled", "away", "retired", "profile"),
    *("malformed", "prose", "cut", "refusing", "guarded", "lying"),
)
HELP: Final = f"how the stand-in for Bedrock behaves, see below (default: {WELL}); whatever it does, no order changes"
EPILOG: Final = """Bedrock: a stand-in answers, with the rules' own words or as a model that is not well
  rules, old                                     well; old: it knows no JSON schema, and has to be given a tool
  off                                            no model is set, and there are no insights
  slow, timeout, throttled, away                 it does not answer
  retired, profile                               the model is gone, or offered by inference profile only
  malformed, prose, cut, refusing, guarded       what it answers is no insight
  lying                                          an injection has succeeded: invented numbers and ids, markup, orders"""
