"""Quick checks: what they say of a mesh is what reading it says, and a file that is cut off is not taken for whole."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from spatialmosaic_builder.scans.errors import ScanError
from spatialmosaic_builder.scans.files import ANNOTATION, MESH, SEGMENTS, SceneFiles, list_scenes
from spatialmosaic_builder.scans.quick_checks import check_scan_files
from spatialmosaic_builder.scans.scannetpp import read_scene_mesh


@pytest.fixture
def files(sample_root: Path, sample_scenes: list[str], tmp_path: Path) -> SceneFiles:
    """A copy of a sample room that a test may damage."""
    shutil.copytree(sample_root / "data" / sample_scenes[0], tmp_path / "data" / sample_scenes[0])
    return SceneFiles(tmp_path, sample_scenes[0])


def test_the_header_agrees_with_the_mesh(files):
    vertices, faces = read_scene_mesh(files)
    size = check_scan_files(files)
    assert (size.num_vertices, size.num_faces) == (len(vertices), len(faces))


def test_meshes_of_another_writer_are_whole(shared_scans):
    for files in list_scenes(shared_scans):
        if files.is_annotated:
            assert check_scan_files(files).num_faces == len(read_scene_mesh(files)[1])


@pytest.mark.parametrize("name", [MESH, SEGMENTS, ANNOTATION])
@pytest.mark.parametrize("kept", [0, 1, 100, -1, -2000])
def test_a_file_that_is_cut_off_is_named(files, name, kept):
    path = files.folder / name
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ScanError, match=path.name):
        check_scan_files(files)


@pytest.mark.parametrize(
    "header",
    [
        b"ply\nformat binary_little_endian 1.0\nend_header\n",
        b"ply\nformat binary_little_endian 1.0\nelement vertex x\nelement face 2\nend_header\n",
        b"plyformat\nelement vertex 0\nproperty float x\nelement face 0\nend_header\n",
        b"ply\nelement vertex 3\nproperty\nproperty list\nproperty list a\nelement face 1\nend_header\n",
        b"ply\nproperty float x\nelement vertex 3\nelement face 1\nend_header\n",
        bytes(range(256)) * 50,
    ],
)
def test_what_is_no_mesh_is_named(files, header):
    (files.folder / MESH).write_bytes(header)
    with pytest.raises(ScanError, match="mesh_aligned"):
        check_scan_files(files)


def test_an_ascii_mesh_is_let_pass(files):
    header = "ply\nformat ascii 1.0\nelement vertex 3\nproperty double x\nelement face 1\n"
    header += "property list uchar int vertex_indices\nend_header\n"
    (files.folder / MESH).write_text(f"{header}0\n1\n2\n3 0 1 2\n")
    assert check_scan_files(files).num_vertices == 3


def test_blanks_after_the_json_do_no_harm(files):
    for name in (SEGMENTS, ANNOTATION):
        with (files.folder / name).open("a") as file:
            file.write(" \n\n")
    check_scan_files(files)
