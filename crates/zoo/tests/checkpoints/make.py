#!/usr/bin/env python3
"""Small checkpoints by TensorFlow and Keras themselves, and what is in them.

    python3 make.py        (needs tensorflow-cpu and tf-keras; written with the versions it prints)

Tensor i of a file holds i + 0.25 k in its k-th place, in row-major order, so that a test needs no
second file to know every value.
"""
import os
import pathlib
import shutil

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras
import numpy as np
import tensorflow as tf
import tf_keras

here = pathlib.Path(__file__).resolve().parent
print("tensorflow", tf.__version__, "keras", keras.__version__, "tf_keras", tf_keras.__version__)


def values(index, shape):
    return (index + 0.25 * np.arange(int(np.prod(shape)))).reshape(shape)


# A bundle as a training script of TensorFlow 1 leaves it: weights, what momentum remembers, a step.
shapes = {
    "tnn_model/conv1/pre_0/bias": [2],
    "tnn_model/conv1/pre_0/weights_basenet": [3, 3, 1, 2],
    "tnn_model/conv1/memory_decay": [],
    "tnn_model/conv4/ReciprocalGateCell/cell/tau/depthwise_weights": [3, 3, 2, 1],
    "tnn_model/imnetds/pre_3/weights": [2, 3],
}
with tf.Graph().as_default(), tf.compat.v1.Session() as session:
    kinds = {"tnn_model/conv1/pre_0/bias": tf.float64, "tnn_model/imnetds/pre_3/weights": tf.bfloat16}
    variables = []
    for index, (name, shape) in enumerate(shapes.items()):
        start = tf.constant(values(index, shape), kinds.get(name, tf.float32))
        variables.append(tf.compat.v1.Variable(start, name=name))
        if shape:
            zeros = np.zeros(shape, np.float32)
            variables.append(tf.compat.v1.Variable(zeros, name=f"{name}/Momentum"))
    variables.append(tf.compat.v1.Variable(np.int64(7), name="global_step"))
    variables.append(tf.compat.v1.Variable("a text", name="note"))
    session.run(tf.compat.v1.global_variables_initializer())
    tf.compat.v1.train.Saver(variables).save(session, str(here / "bundle.ckpt"), write_meta_graph=False)
(here / "checkpoint").unlink()

# Weights, and a whole model, as Keras 2 writes them; weights as Keras 3 does.
def model(kind):
    image = kind.layers.Input((4, 4, 1))
    x = kind.layers.Conv2D(2, 3, use_bias=False, name="RCL_0_BConv")(image)
    x = kind.layers.BatchNormalization(name="BatchNorm_Layer_0_Time_0")(x)
    x = kind.layers.ReLU(name="ReLU_Layer_0_Time_0")(x)
    x = kind.layers.Dense(3, name="ReadoutDense")(kind.layers.GlobalAveragePooling2D()(x))
    whole = kind.Model(image, x)
    for index, weight in enumerate(whole.weights):
        weight.assign(values(index, weight.shape))
    return whole


model(tf_keras).save_weights(here / "keras2.h5")
model(tf_keras).save(here / "keras2_whole.h5")
model(keras).save_weights(here / "keras3.weights.h5")
