"""The wheel as a stranger gets it: built, checked, installed where nothing else is, used and type-checked.

    python tools/wheel.py            # the wheel alone: its command, a script of a user, the extras it names
    python tools/wheel.py --extras   # and each extra alone, with one use of it

Environments are made in a temporary folder, with the versions of `constraints.txt`.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

ROOT = Path(__file__).resolve().parent.parent
USER = Path(__file__).with_name("wheel_user.py")

# Bytecode is written, lest every command compiles PyTorch anew.
UNSET = ("PYTHONPATH", "VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE")
NET = "import torch; from torch import nn; import rainbownet as rn; net = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), "
NET += "nn.Linear(32, 3)); loader = [torch.randn(400, 6)]; "


@dataclass(frozen=True)
class Use:
    """What an extra is for.

    Attributes:
        lines: Commands that work with the extra; the first fails without it, naming it.
    """

    lines: tuple[tuple[str, ...], ...]


def python(code: str) -> tuple[str, ...]:
    """Return the command that runs a program on a network of two layers and random inputs."""
    return ("python", "-c", NET + code)


USES = {
    "train": Use((("rainbownet", "train", "digits_mlp", "--recipe", "digits", "--epochs", "1", "--out", "runs"),)),
    "plot": Use((python("rn.fit(net, loader).plot().figure.savefig('laws.png')"),)),
    "report": Use((python("rn.write_report(net, 'report.html', loader, widths=[1])"),)),
    "cluster": Use(
        (
            (
                "rainbownet",
                "train",
                "digits_mlp",
                "--recipe",
                "digits",
                "--epochs",
                "1",
                "--out",
                "ray",
                "--cluster",
                "ray",
            ),
        )
    ),
}


def main() -> None:
    """Build, check, install and try."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--extras", action="store_true", help="each extra alone as well")
    extras = parser.parse_args().extras
    with tempfile.TemporaryDirectory(prefix="rainbownet-wheel-") as folder:
        place = Path(folder)
        wheel = build(place / "dist")
        bare = environment(place / "bare", str(wheel))
        try_bare(bare, place)
        for extra, use in USES.items() if extras else ():
            own = environment(place / extra, f"{wheel}[{extra}]", on=bare)
            for line in use.lines:
                done = run(own, line, place / "work" / extra)
                assert done.returncode == 0, f"[{extra}] {line}\n{done.stdout}\n{done.stderr}"
            step(f"[{extra}] alone does what it is for")


def build(folder: Path) -> Path:
    """Build the distributions and check them; return the wheel."""
    call(sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT))
    files = sorted(map(str, folder.iterdir()))
    call(sys.executable, "-m", "twine", "check", "--strict", *files)
    wheel = next(folder.glob("*.whl"))
    sources = {str(file.relative_to(ROOT / "src").as_posix()) for file in (ROOT / "src" / "rainbownet").rglob("*.*")}
    lost = {name for name in sources if "__pycache__" not in name} - set(ZipFile(wheel).namelist())
    assert not lost, f"not in the wheel: {sorted(lost)}"
    step(f"built and checked: {', '.join(Path(file).name for file in files)}")
    return wheel


def environment(folder: Path, what: str, *, on: Path | None = None) -> Path:
    """Return a new environment with a wheel in it; `on` another one, whose packages count as installed."""
    call(sys.executable, "-m", "venv", str(folder))
    if on is not None:
        site = next(folder.glob("[Ll]ib*/**/site-packages"))
        (site / "base.pth").write_text(f"{next(on.glob('[Ll]ib*/**/site-packages'))}\n", encoding="utf-8")
    call(
        str(bin_of(folder) / "python"),
        *("-m", "pip", "install", "--quiet", "--no-compile", "-c", str(ROOT / "constraints.txt"), what),
    )
    step(f"installed {Path(what).name}")
    return folder


def try_bare(bare: Path, place: Path) -> None:
    """Use the wheel where no extra is installed."""
    work = place / "work" / "bare"
    for line in (
        ("rainbownet", "--version"),
        ("rainbownet", "info", "digits_cnn", "--input-shape", "1,8,8"),
        ("python", str(USER)),
    ):
        done = run(bare, line, work)
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
    step("the command and the script of a user run")
    for extra, use in USES.items():
        done = run(bare, use.lines[0], work)
        wanted = "train" if extra == "cluster" else extra
        assert done.returncode != 0, f"{use.lines[0]} works without [{extra}]"
        assert f"rainbownet[{wanted}]" in done.stderr + done.stdout, done.stderr
    step(f"what is missing is named: {', '.join(USES)}")
    call(
        sys.executable, "-m", "pyright", "--pythonpath", str(bin_of(bare) / "python"), "--project", str(work), str(USER)
    )
    step("the script of a user has the types that it says")


def run(environment: Path, line: tuple[str, ...], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command of an environment in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    path = f"{bin_of(environment)}{os.pathsep}{os.environ['PATH']}"
    variables = {name: value for name, value in os.environ.items() if name not in UNSET}
    command = [str(bin_of(environment) / line[0]), *line[1:]]
    return subprocess.run(
        command, cwd=folder, env=variables | {"PATH": path}, capture_output=True, text=True, check=False
    )


def bin_of(environment: Path) -> Path:
    """Return the folder of commands of an environment."""
    return environment / ("Scripts" if os.name == "nt" else "bin")


def call(*command: str) -> None:
    """Run a command of this environment; its output is shown only if it fails."""
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stdout}\n{done.stderr}")


START = time.monotonic()


def step(text: str) -> None:
    """Say what is done, and after how long."""
    print(f"{time.monotonic() - START:6.1f} s  {text}", flush=True)


if __name__ == "__main__":
    main()
