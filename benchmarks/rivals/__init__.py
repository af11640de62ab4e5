"""Other people's ways of judging mentions, given the same sentences, tokens and mentions."""
