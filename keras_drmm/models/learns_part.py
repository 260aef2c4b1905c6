"""LearnsPart: a model of whose variables only some are learned by `fit`."""


class LearnsPart:
    """Tells Keras' trainers which of a model's variables gradients may change.

    Stands before `keras.Model` among the bases. Unlike freezing it is no state: what a
    model never learns stays out whatever `trainable` says.
    """

    variables: list
    weights: list

    # Keras' trainers read weights on TensorFlow and PyTorch, variables on JAX.

    @property
    def trainable_variables(self):
        return self._learned(super().trainable_variables)  # type: ignore[misc]

    @property
    def trainable_weights(self):
        return self._learned(super().trainable_weights)  # type: ignore[misc]

    @property
    def non_trainable_variables(self):
        return without(self.variables, self.trainable_variables)

    @property
    def non_trainable_weights(self):
        return without(self.weights, self.trainable_weights)

    def _learned(self, variables):
        """Return those of the trainable variables that `fit` learns: all of them."""
        return variables


def without(variables, others):
    """Return variables that are not among others."""
    left_out = {id(variable) for variable in others}
    return [variable for variable in variables if id(variable) not in left_out]
