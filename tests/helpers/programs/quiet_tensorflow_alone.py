"""Imports TensorFlow as commands for exported models do, then Keras; prints what was imported before and after."""

import json
import sys

from tfx_lm.cli.quiet_tensorflow import quiet_tensorflow

LIBRARIES = {"googleapiclient", "h5py", "keras", "pandas", "scipy", "sklearn", "tensorflow"}

quiet_tensorflow()
before = sorted(LIBRARIES & set(sys.modules))

import tensorflow as tf
from tensorflow.keras import layers

same = layers.Dense is tf.keras.layers.Dense is sys.modules["keras"].layers.Dense
print(json.dumps([before, sorted({"keras"} & set(sys.modules)), same, tf.keras.optimizers.Adam.__name__]))
