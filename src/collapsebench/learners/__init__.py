"""Learners: the model families that tasks are made of, and what they share."""

from typing import TYPE_CHECKING

from ..core.lazy import exports

if TYPE_CHECKING:
    from .categorical import CategoricalLearner as CategoricalLearner
    from .categorical import draw_outcomes as draw_outcomes
    from .flow import FlowMatching as FlowMatching
    from .flow import FlowShape as FlowShape
    from .gaussian import GaussianLearner as GaussianLearner
    from .gradient import Optimizer as Optimizer
    from .gradient import batches as batches
    from .gradient import descend as descend
    from .gradient import initialised as initialised
    from .grammar.choice import Choice as Choice
    from .grammar.choice import zipf as zipf
    from .grammar.learner import GrammarLearner as GrammarLearner
    from .grammar.program import END as END
    from .grammar.program import Grammar as Grammar
    from .grammar.program import Steps as Steps
    from .image.ddpm import ConditionalDDPM as ConditionalDDPM
    from .image.ddpm import DDPMShape as DDPMShape
    from .image.generator import ImageGenerator as ImageGenerator
    from .image.shape import ImageShape as ImageShape
    from .image.vae import ConditionalVAE as ConditionalVAE
    from .image.vae import VAEShape as VAEShape
    from .kde import KernelDensityLearner as KernelDensityLearner
    from .labelling import Labeller as Labeller
    from .labelling import RandomFeatures as RandomFeatures
    from .labelling import TwoLayerNetwork as TwoLayerNetwork
    from .labelling import random_features as random_features
    from .linear import LinearLearner as LinearLearner
    from .linear import Population as Population
    from .linear import projection as projection
    from .lm.causal_lm import CausalLM as CausalLM
    from .lm.causal_lm import LMShape as LMShape
    from .lm.model import build_model as build_model
    from .lm.model import load_pretrained as load_pretrained
    from .lm.tokenizer import BOS as BOS
    from .lm.tokenizer import EOS as EOS
    from .lm.tokenizer import PAD as PAD
    from .lm.tokenizer import bpe_tokenizer as bpe_tokenizer
    from .lm.tokenizer import byte_tokenizer as byte_tokenizer
    from .lm.tokenizer import decode as decode
    from .lm.tokenizer import encode as encode
    from .lm.tokenizer import load_tokenizer as load_tokenizer
    from .lm.tokenizer import symbol_tokenizer as symbol_tokenizer
    from .lm.tokenizer import word_tokenizer as word_tokenizer
else:
    __getattr__, __dir__ = exports(__name__)
