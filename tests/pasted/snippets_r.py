"""Calls in the style of R tutorials: the text, what has to be set, what has to be told as not understood."""

from fitdash.settings.layers import ActivationArgs, DenseArgs

MNIST = """
library(keras)
mnist <- dataset_mnist()
c(c(x_train, y_train), c(x_test, y_test)) %<-% mnist
x_train <- array_reshape(x_train, c(nrow(x_train), 784)) / 255
y_train <- to_categorical(y_train, 10)
model <- keras_model_sequential()
model %>%
  layer_dense(units = 256, activation = 'relu', input_shape = c(784)) %>%
  layer_dropout(rate = 0.4) %>%
  layer_dense(units = 256, activation = 'relu') %>%
  layer_dropout(rate = 0.4) %>%
  layer_dense(units = 10, activation = 'softmax')
summary(model)
model %>% compile(
  loss = 'categorical_crossentropy',
  optimizer = optimizer_rmsprop(),
  metrics = c('accuracy')
)
history <- model %>% fit(
  x_train, y_train,
  epochs = 30, batch_size = 128,
  validation_split = 0.2
)
plot(history)
"""
FUNCTION = """
build_model <- function(units = 64) {
  model <- keras_model_sequential() |>
    layer_dense(64, activation = "relu", input_shape = 13L) |>
    layer_dense(64, activation = "relu") |>
    layer_dense(1)
  model |> compile(optimizer = "rmsprop", loss = "mse", metrics = "mae")
  model
}
k <- 4
for (i in 1:k) {
  cat("processing fold #", i, "\\n")
  model <- build_model()
  if (i > 1) { message("next") } else { message("first") }
  model |> fit(partial_x, partial_y, epochs = 80, batch_size = 16, verbose = 0)
}
"""

R = [
    (
        MNIST,
        {
            "network.width": 256,
            "network.depth": 2,
            "network.dropout": 0.4,
            "compile.loss": "categorical_crossentropy",
            "compile.optimizer": "rmsprop",
            "compile.metrics": ("accuracy",),
            "fit.epochs": 30,
            "fit.batch_size": 128,
            "fit.validation_split": 0.2,
        },
        ["x = x_train"],
    ),
    (
        FUNCTION,
        {"network.width": 64, "compile.metrics": ("mae",), "fit.epochs": 80, "fit.verbose": 0},
        ["x = partial_x"],
    ),
    ("fit(model, x, y, epochs = 5L)", {"fit.epochs": 5}, ["x = x"]),
    ("model %>% fit(x, y, 64, 3)", {"fit.batch_size": 64, "fit.epochs": 3}, []),
    ("model |> fit(x, y, batch_size = 32L, epochs = 100L,)", {"fit.batch_size": 32, "fit.epochs": 100}, []),
    ("model %>% fit(x, y, shuffle = FALSE, verbose = TRUE)", {"fit.shuffle": False, "fit.verbose": 1}, []),
    (
        "model %>% fit(x, y, shuffle = 'batch', view_metrics = F)",
        {"fit.shuffle": "batch", "fit.view_metrics": False},
        [],
    ),
    ("model %>% fit(x, y, class_weight = list(`0` = 1, `1` = 10))", {"fit.class_weight": {0: 1.0, 1: 10.0}}, []),
    ('model %>% fit(x, y, class_weight = list("0" = 0.5, "2" = 2))', {"fit.class_weight": {0: 0.5, 2: 2.0}}, []),
    ("model %>% fit(x, y, class_weight = c('0' = 1, '1' = 4))", {"fit.class_weight": {0: 1.0, 1: 4.0}}, []),
    ("w <- list('0' = 1, '1' = 3)\nmodel %>% fit(x, y, class_weight = w)", {"fit.class_weight": {0: 1.0, 1: 3.0}}, []),
    ("model %>% fit(x, y, validation_data = list(x_test, y_test))", {}, ["validation_data = [x_test, y_test]"]),
    ("model %>% fit(x, y, validation_data = NULL, sample_weight = NULL)", {}, ["x = x"]),
    ("model %>% fit(x, y, steps_per_epoch = 100, validation_steps = 10L)", {"fit.steps_per_epoch": 100}, []),
    ("model %>% fit(x, y, initial_epoch = 5, epochs = 10)", {"fit.initial_epoch": 5, "fit.epochs": 10}, []),
    ("model %>% fit(x, y, batch_size = NA, epochs = 1e2)", {"fit.batch_size": None, "fit.epochs": 100}, []),
    ("epochs <- 25\nbatch <- 10L\nmodel %>% fit(x, y, batch, epochs)", {"fit.epochs": 25, "fit.batch_size": 10}, []),
    ("keras::fit(object = model, x = x, y = y, epochs = 7)", {"fit.epochs": 7}, []),
    ("history = model$fit(x, y, epochs = 9L)", {"fit.epochs": 9}, []),
    ("model %>% fit(x, y, callbacks = callback_early_stopping(monitor = 'val_loss', patience = 2))", {}, ["x = x"]),
    (
        "model %>% fit(x, y, callbacks = list(callback_model_checkpoint('weights.{epoch:02d}.hdf5'),"
        " callback_tensorboard('logs')))",
        {},
        ["callback_tensorboard('logs')"],
    ),
    ("model %>% fit(x, y, epoch = 5)", {}, ["epoch = 5"]),
    ("model %>% fit(x, y, epochs = n_epochs)", {}, ["epochs = n_epochs"]),
    ("model %>% fit(x, y, epochs = 2 * 5)", {}, ["epochs = 2 * 5"]),
    ("model %>% fit(x, y, epochs = 0)", {}, ["epochs must be at least 1, got 0."]),
    ("model %>% fit(x, y, validation_split = 1.5)", {}, ["validation_split must be below 1, got 1.5."]),
    (
        "model %>% fit_generator(gen, steps_per_epoch = 20, epochs = 3)",
        {"fit.epochs": 3, "fit.steps_per_epoch": 20},
        [],
    ),
    (
        "model %>% compile(optimizer = optimizer_adam(lr = 1e-4, decay = 1e-6), loss = loss_binary_crossentropy,"
        " metrics = metric_binary_accuracy)",
        {
            "compile.optimizer": "adam",
            "compile.learning_rate": 0.0001,
            "compile.loss": "binary_crossentropy",
            "compile.metrics": ("binary_accuracy",),
        },
        ["decay = 1e-06"],
    ),
    (
        "compile(model, optimizer = optimizer_sgd(learning_rate = 0.01, momentum = 0.9), loss = 'mse')",
        {"compile.optimizer": "sgd", "compile.learning_rate": 0.01, "compile.momentum": 0.9, "compile.loss": "mse"},
        [],
    ),
    ("model %>% compile('adam', 'mse', list('mae', 'mape'))", {"compile.metrics": ("mae", "mape")}, []),
    ("model %>% compile(loss = my_loss, optimizer = 'adam')", {"compile.optimizer": "adam"}, ["loss = my_loss"]),
    ("opt <- optimizer_nadam(0.002)\nmodel %>% compile(opt, 'mse')", {"compile.learning_rate": 0.002}, []),
    (
        "model <- keras_model_sequential(input_shape = c(28, 28)) %>% layer_flatten() %>% layer_dense(128) %>%\n"
        "  layer_activation('relu') %>% layer_dropout(0.2) %>% layer_dense(10, activation = 'softmax')",
        {"network.width": 128, "network.activation": "relu", "network.dropout": 0.2, "network.depth": 1},
        [],
    ),
    (
        "model %>% layer_dense(units = 32) %>% layer_activation_relu() %>% layer_dense(units = 16, activation = 'relu')"
        " %>% layer_dense(1)",
        {
            "network.kind": "layers",
            "network.layers": (DenseArgs(units=32, activation="linear"), ActivationArgs(), DenseArgs(units=16)),
        },
        [],
    ),
    (
        "model %>% layer_embedding(10000, 16) %>% layer_dense(8, 'tanh') %>% layer_dense(1, 'sigmoid')",
        {"network.width": 8, "network.activation": "tanh"},
        ["layer_embedding(10000, 16)"],
    ),
    (
        "model <- keras_model_sequential() %>% layer_gru(units = 32, return_sequences = TRUE, dropout = 0.1) %>%\n"
        "  layer_dense(units = 3)",
        {"network.kind": "gru", "network.width": 32, "network.depth": 1},
        [],
    ),
    (
        "a <- layer_input(shape = 4)\nb <- layer_input(shape = 5)\n"
        "both <- layer_concatenate(list(a %>% layer_dense(8), b %>% layer_dense(8)))\n"
        "out <- both %>% layer_dense(8) %>% layer_dense(1)\n"
        "model <- keras_model(list(a, b), out)\nmodel %>% compile('adam', 'mse', loss_weights = list(y = 2))",
        {"network.kind": "branches", "network.width": 8, "network.depth": 1, "compile.loss_weights": {"y": 2}},
        [],
    ),
    ("> model %>% fit(\n+   x, y,\n+   epochs = 4\n+ )\n", {"fit.epochs": 4}, []),
    ("model\n  %>% fit(x, y, epochs = 6) # the pipe begins the line", {"fit.epochs": 6}, []),
    ("model %>% fit(x[1:100, ], y[[2]], epochs = 8, callbacks = NULL)", {"fit.epochs": 8}, ["x = x[…]"]),
    ("set.seed(42)\ntensorflow::set_random_seed(7L)\nmodel %>% fit(x, y)", {"seed": 7}, []),
    ("epochs = 12L, validation_split = 0.1,", {"fit.epochs": 12, "fit.validation_split": 0.1}, []),
    ("model %>% fit(x, y, epochs = 3, # half\n  batch_size = 5", {"fit.epochs": 3, "fit.batch_size": 5}, ["bracket"]),
    ("if (TRUE) {\n  model %>% fit(x, y, epochs = 2L)\n}", {"fit.epochs": 2}, []),
    ("this is not %% R at ]] all\nmodel %>% fit(x, y, epochs = 11L)", {"fit.epochs": 11}, ["Not R: line 1"]),
]
