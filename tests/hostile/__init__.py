"""Texts that would like to be instructions, answers that are not true, and a Bedrock that is not well."""
