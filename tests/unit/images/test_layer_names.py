from images.layers import layer_name


def test_a_layers_folder_name_is_short_and_stands_for_its_diff_id() -> None:
    one, other = layer_name("sha256:" + "00" * 32), layer_name("sha256:" + "00" * 15 + "01" + "00" * 16)
    assert one != other
    assert len(one) == len(other) == 26


def test_127_layers_fit_into_one_mount() -> None:
    names = [layer_name(f"sha256:{number:02x}" + "00" * 31) for number in range(127)]
    assert len(":".join(names)) < 3900
