"""``skmissdiff demo``: a comparison of imputers, as a command."""

from skmissdiff.cli import _arguments as arguments


def add_demo(commands):
    """Add the command to the parser's; return its own."""
    demo = commands.add_parser("demo", help="compare imputers on a data set of scikit-learn's")
    demo.add_argument("--seed", type=arguments.seed, default=0, metavar="S", help="default: 0")
    demo.set_defaults(run=run)
    return demo


def run(args):
    from skmissdiff.cli._demo import run_demo

    run_demo(args.seed)
