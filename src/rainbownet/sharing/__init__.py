"""Rainbows on the Hugging Face Hub: where they are, how they come and go, and the card that is written for them."""
