"""Generated keys and the folder that holds the data: for their owner alone."""

from smsadmin.keys import local_keys


def test_keys_and_the_folder_of_the_data_are_readable_by_their_owner_alone(tmp_path):
    folder = tmp_path / "data"

    local_keys(folder)

    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "keys.env").stat().st_mode & 0o777 == 0o600


def test_keys_are_made_once(tmp_path):
    first = local_keys(tmp_path)
    local_keys.cache_clear()

    assert local_keys(tmp_path) == first
