"""Optimizers by name, with settings: `compile(optimizer=fd.optimizers.adam(learning_rate=0.01, clipnorm=1.0))`.

Each is a factory: called with parameters it gives a torch optimizer with the arithmetic of Keras. Arguments are named,
ordered and preset as in `keras.optimizers`; all have weight_decay, clipnorm, clipvalue and global_clipnorm.
"""

from fitdash.engine.optimizers.rules import SGD, Adadelta, Adagrad, Adam, Adamax, AdamW, Nadam, RMSprop

sgd = SGD
adam = Adam
adamw = AdamW
rmsprop = RMSprop
adagrad = Adagrad
adadelta = Adadelta
adamax = Adamax
nadam = Nadam
