"""The way of an enrollment, step by step, and what silence or a refusal on it means."""
