"""Calls in the style of Python tutorials: the text, what has to be set, what has to be told as not understood."""

from fitdash.settings.layers import ConvolutionArgs, DenseArgs, FlattenArgs, PoolingArgs

MNIST = """
# a first network
import tensorflow as tf
from tensorflow import keras

(x_train, y_train), (x_test, y_test) = keras.datasets.mnist.load_data()
x_train, x_test = x_train / 255.0, x_test / 255.0

model = tf.keras.models.Sequential([
    tf.keras.layers.Flatten(input_shape=(28, 28)),
    tf.keras.layers.Dense(128, activation='relu'),
    tf.keras.layers.Dropout(0.2),
    tf.keras.layers.Dense(10, activation='softmax'),
])
model.compile(optimizer='adam',
              loss='sparse_categorical_crossentropy',
              metrics=['accuracy'])
model.fit(x_train, y_train, epochs=5)
model.evaluate(x_test, y_test, verbose=2)
"""
OLD = """
from keras.models import Sequential
from keras.layers import Dense, Dropout, Activation
from keras.optimizers import SGD

batch_size = 128
nb_epoch = 20
model = Sequential()
model.add(Dense(512, input_shape=(784,)))
model.add(Activation('relu'))
model.add(Dropout(0.2))
model.add(Dense(512))
model.add(Activation('relu'))
model.add(Dropout(0.2))
model.add(Dense(10))
model.add(Activation('softmax'))
sgd = SGD(lr=0.01, decay=1e-6, momentum=0.9, nesterov=True)
model.compile(loss='categorical_crossentropy', optimizer=sgd, metrics=['accuracy'])
history = model.fit(X_train, Y_train, batch_size=batch_size, nb_epoch=nb_epoch,
                    verbose=1, validation_data=(X_test, Y_test))
"""
FUNCTIONAL = """
def build(hidden):
    inputs = keras.Input(shape=(20,))
    h = layers.Dense(32, activation=tf.nn.relu)(inputs)
    h = layers.Dense(32, activation=tf.nn.relu)(h)
    outputs = layers.Dense(1, activation="sigmoid")(h)
    model = keras.Model(inputs, outputs)
    model.compile(optimizer=keras.optimizers.RMSprop(1e-3), loss=keras.losses.BinaryCrossentropy(from_logits=True),
                  metrics=[keras.metrics.AUC(name="auc"), keras.metrics.BinaryAccuracy()])
    return model

with strategy.scope():
    model = build(32)
for fold in range(5):
    try:
        history = model.fit(x=features, y=labels, epochs=15, callbacks=[])
    finally:
        pass
"""
SESSION = """>>> model.fit(x, y,
...           epochs=3,
...           batch_size=2)
<History object>
"""
NOTEBOOK = """!pip install keras
%matplotlib inline
In [3]: model.fit(x, y, epochs=6)
"""

PYTHON = [
    (
        MNIST,
        {
            "network.depth": 1,
            "network.width": 128,
            "network.dropout": 0.2,
            "compile.optimizer": "adam",
            "compile.loss": "sparse_categorical_crossentropy",
            "compile.metrics": ("accuracy",),
            "fit.epochs": 5,
        },
        ["x = x_train", "y = y_train"],
    ),
    (
        OLD,
        {
            "network.depth": 2,
            "network.width": 512,
            "network.activation": "relu",
            "network.dropout": 0.2,
            "compile.optimizer": "sgd",
            "compile.learning_rate": 0.01,
            "compile.momentum": 0.9,
            "fit.epochs": 20,
            "fit.batch_size": 128,
            "fit.verbose": 1,
        },
        ["decay = 1e-06", "validation_data = [X_test, Y_test]"],
    ),
    (
        FUNCTIONAL,
        {
            "network.depth": 2,
            "network.width": 32,
            "compile.optimizer": "rmsprop",
            "compile.learning_rate": 0.001,
            "compile.loss": "binary_crossentropy",
            "compile.metrics": ("auc", "binary_accuracy"),
            "fit.epochs": 15,
        },
        ["from_logits", "x = features"],
    ),
    (SESSION, {"fit.epochs": 3, "fit.batch_size": 2}, []),
    (NOTEBOOK, {"fit.epochs": 6}, []),
    ("model.fit(x, y)", {"fit.epochs": 1}, []),
    ("import fitdash as fd\nmodel.fit(x, y)", {}, ["x = x"]),
    ("model.fit(x, y, 64, 20, 2)", {"fit.batch_size": 64, "fit.epochs": 20, "fit.verbose": 2}, []),
    ("fit(x, y, epochs=4)", {"fit.epochs": 4}, []),
    ("model.fit(x, y, epochs=10, batch_size=None,)", {"fit.epochs": 10, "fit.batch_size": None}, []),
    ("model.fit(x, y, epochs=10.0)", {"fit.epochs": 10}, []),
    ("model.fit(x, y, verbose='auto', shuffle='batch')", {"fit.verbose": "auto", "fit.shuffle": "batch"}, []),
    ("model.fit(x, y, validation_freq=[1, 5, 10])", {"fit.validation_freq": (1, 5, 10)}, []),
    ("model.fit(x, y, validation_freq=2, validation_batch_size=64)", {"fit.validation_freq": 2}, []),
    ("model.fit(x, y, class_weight={0: 1., 1: 50.})", {"fit.class_weight": {0: 1.0, 1: 50.0}}, []),
    ("weights = {0: 1, 1: 5}\nmodel.fit(x, y, class_weight=weights)", {"fit.class_weight": {0: 1, 1: 5}}, []),
    ("model.fit(x, y, class_weight='balanced')", {"fit.class_weight": "balanced"}, []),
    ("model.fit(x, y, class_weight=dict(enumerate(w)))", {}, ["class_weight = dict(enumerate(w))"]),
    ("model.fit(x, y, class_weight={'cat': 2})", {}, ["class_weight must map class indices to weights"]),
    ("model.fit(x, y, sample_weight=w)", {}, ["sample_weight = w"]),
    ("model.fit(x, y, sample_weight=None, callbacks=None)", {}, []),
    ("model.fit(train_gen, steps_per_epoch=len(train_gen), epochs=2)", {"fit.epochs": 2}, ["len(train_gen)"]),
    ("model.fit(x, y, steps_per_epoch=1000 // 32)", {}, ["steps_per_epoch = 1000 // 32"]),
    ("model.fit(x, y, workers=4, use_multiprocessing=True)", {}, ["workers = 4", "use_multiprocessing = True"]),
    ("model.fit(x, y, **settings)", {}, ["** = settings"]),
    ("model.fit(x, y, *more)", {"fit.epochs": 1}, []),
    ("model.fit(x, y, epochs=-3)", {}, ["epochs must be at least 1, got -3."]),
    ("model.fit(x, y, epochs='many')", {}, ["epochs must be an integer, got 'many'."]),
    ("model.fit(x, y, validation_split=20)", {}, ["validation_split must be below 1, got 20."]),
    ("scaler.fit(x)\nmodel.fit(x, y, epochs=7)\nencoder.fit(y)", {"fit.epochs": 7}, []),
    ("model.fit(x, y, epochs=3)\nmodel.fit(x, y, epochs=8, initial_epoch=3)", {"fit.epochs": 8}, []),
    ("model.compile(Adam(learning_rate=3e-4), 'mse')", {"compile.learning_rate": 0.0003, "compile.loss": "mse"}, []),
    ("model.compile(optimizer='Adam', loss='MSE', metrics='mae')", {"compile.metrics": ("mae",)}, []),
    ("model.compile(loss='mse')", {"compile.optimizer": "rmsprop", "compile.metrics": ()}, []),
    ("model.compile(tf.train.AdamOptimizer(0.001), loss='mae')", {"compile.optimizer": "adam"}, []),
    (
        "model.compile(optimizer=tf.keras.optimizers.legacy.SGD(0.1), loss=tf.keras.losses.mse)",
        {"compile.optimizer": "sgd", "compile.learning_rate": 0.1, "compile.loss": "mse"},
        [],
    ),
    ("model.compile('adamw', loss=keras.losses.KLDivergence())", {"compile.loss": "kl_divergence"}, []),
    ("model.compile('lion', 'mse')", {"compile.loss": "mse"}, ["optimizer = 'lion'"]),
    ("model.compile('adam', loss=lambda a, b: a - b)", {}, ["loss = lambda a, b: a - b"]),
    ("model.compile('adam', 'mse', metrics=['mse', 'msee', f1])", {"compile.metrics": ("mse",)}, ["'msee'", "f1"]),
    ("model.compile('adam', 'mse', run_eagerly=True)", {}, ["run_eagerly = True"]),
    (
        "lr = schedules.ExponentialDecay(0.1, 100, 0.9)\nmodel.compile(keras.optimizers.SGD(lr), 'mse')",
        {"compile.optimizer": "sgd"},
        ["ExponentialDecay(0.1, 100, 0.9)"],
    ),
    ("es = EarlyStopping(patience=4)\nmodel.fit(x, y, callbacks=[es, TensorBoard()])", {}, ["TensorBoard()"]),
    ("model.fit(x, y, callbacks=[ModelCheckpoint('out/best.h5')])", {}, ["filepath must be a plain file name"]),
    ("model.fit(x, y, callbacks=[LearningRateScheduler(lambda e: 0.1)])", {}, ["schedule = lambda e: 0.1"]),
    ("model.fit(x, y, callbacks=EarlyStopping('val_loss', 0, 5, patience='x'))", {}, ["patience must be an integer"]),
    ("nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 3), nn.Softmax(-1))", {"network.width": 16}, []),
    ("model.add(layers.LSTM(32))\nmodel.add(layers.Dense(1))", {"network.kind": "lstm", "network.width": 32}, []),
    ("model.add(layers.SimpleRNN(32))\nmodel.add(layers.Dense(1))", {"network.depth": 0}, ["SimpleRNN(32)"]),
    (
        "keras.Sequential([layers.Conv2D(32, (3, 3), activation='relu'), layers.MaxPooling2D((2, 2)),"
        " layers.Conv2D(32, 5, activation='relu'), layers.Flatten(), layers.Dense(64), layers.Dense(10)])",
        {
            "network.kind": "layers",
            "network.layers": (
                ConvolutionArgs(padding="valid"),
                PoolingArgs(),
                ConvolutionArgs(kernel_size=5, padding="valid"),
                FlattenArgs(),
                DenseArgs(activation="linear"),
            ),
        },
        [],
    ),
    ("model.add(Dense(units))\nmodel.add(Dense(1))", {"network.depth": 1}, ["width = units"]),
    ("np.random.seed(0)\ntf.random.set_seed(1234)\nmodel.fit(x, y)", {"seed": 1234}, []),
    ("EPOCHS = 40\nBATCH_SIZE = 16", {"fit.epochs": 40, "fit.batch_size": 16}, []),
    ("epochs=5, batch_size=8, loss='mse'", {"fit.epochs": 5, "compile.loss": "mse"}, []),
    ("    model.fit(\n        x, y,\n        epochs=9,\n    )", {"fit.epochs": 9}, []),
    ("history = model.fit(x, y, epochs=2", {"fit.epochs": 2}, ["bracket"]),
    ("x = = 3\nmodel.fit(x, y, epochs=12)\n", {"fit.epochs": 12}, ["Not Python: x = = 3"]),
    ("print 'old'\nmodel.fit(x, y, nb_epoch=13)", {"fit.epochs": 13}, ["Not Python: print 'old'"]),
    ("return model.fit(x, y, epochs=3) if ready else None", {"fit.epochs": 3}, []),
    ("await model.fit(x, y, epochs=[5])", {"fit.epochs": 5}, []),
    ('model.fit(x, y, epochs=__import__("os").system("true"))', {}, ["epochs = system('true')"]),
    ("plt.plot(history.history['loss'])", {}, ["There is no call of fit or compile in it."]),
]
