"""Training the reference networks: recipes, checkpoints that survive a kill, scores."""

from rainbownet.training.recipe import RECIPES, Recipe
from rainbownet.training.run import History, train
from rainbownet.training.score import Score, evaluate

__all__ = ["RECIPES", "History", "Recipe", "Score", "evaluate", "train"]
