"""The server's secret: made once, for its owner alone, and never taken by half."""

import stat

import pytest

from flashpoint.errors import Unavailable
from flashpoint.pepper import pepper
from flashpoint.settings import Settings


def test_it_is_made_once_and_for_its_owner_alone(tmp_path):
    settings = Settings(home=tmp_path / "home", key_pepper=None)
    assert pepper(settings) == pepper(settings)
    assert stat.S_IMODE((tmp_path / "home" / "pepper").stat().st_mode) == 0o600


@pytest.mark.parametrize("kept", [b"", b"short"])
def test_half_a_pepper_is_refused(tmp_path, kept):
    (tmp_path / "pepper").write_bytes(kept)
    with pytest.raises(Unavailable, match="less than 32 bytes"):
        pepper(Settings(home=tmp_path, key_pepper=None))
