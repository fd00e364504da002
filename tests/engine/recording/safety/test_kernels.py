"""Operations that are carried out in another way while somebody looks on."""

import pytest
import torch

from tests.engine.recording.fits import assert_eager, assert_recorded
from tests.engine.recording.modules import Base, X, Y


class SingularValues(Base):
    def forward(self, x):
        return self.head(x) + torch.linalg.svdvals(x).mean()


class EigenValues(Base):
    def forward(self, x):
        return self.head(x) + torch.linalg.eigvalsh(x.T @ x).mean()


class GeneralEigenValues(Base):
    def forward(self, x):
        return self.head(x) + torch.linalg.eigvals(x.T @ x).real.mean()


class Products(Base):
    def forward(self, x):
        return self.head(x) + self.head(x).tanh().prod(1, keepdim=True)


class CountedProducts(Products):
    def forward(self, x):
        self.calls += 1
        return super().forward(x) + 0.001 * self.calls


class Conjugates(Base):
    def forward(self, x):
        pair = torch.complex(self.head(x), self.head(x) + 1)
        return pair.imag + 2 * pair.conj().imag


@pytest.mark.parametrize("make", [SingularValues, EigenValues, GeneralEigenValues, Products])
def test_an_operation_with_other_last_bits_unless_it_is_noted_stays_eager(make):
    assert_eager(make, X, Y, "takes another way while it is noted", epochs=60)


def test_a_step_that_counts_itself_is_not_undone():
    assert_eager(CountedProducts, X, Y, "keep an account of itself", epochs=60)


def test_a_conjugated_tensor_is_not_taken_for_the_one_it_is_a_view_of():
    assert_eager(Conjugates, X, Y, epochs=60)


def test_what_is_transposed_twice_is_the_same_tensor():
    class Turns(Base):
        def forward(self, x):
            return self.head(x.T.T) @ self.head.weight.T.T @ self.head.weight.T

    assert_recorded(Turns, X, Y, epochs=60)
