"""The pocket language model: its world, its judge, its tokenizer, its numpy engine and its weights, without
torch.

Start with `world` (what can be asked), `judge` (what an answer did), `documents` (what the base read), then
`engine` (the numbers) and `home` (the engine of a pocket home). The recipe that trains it is
`freehold.align.base`.
"""
