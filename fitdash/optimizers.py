"""Optimizers by name, with settings: `compile(optimizer=fd.optimizers.adam(learning_rate=0.01, clipnorm=1.0))`.

Each is a factory: called with parameters, it makes a torch optimizer with the arithmetic of Keras. Names, order and
defaults of the arguments are those of `keras.optimizers`; all take weight_decay, clipnorm, clipvalue, global_clipnorm.
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
