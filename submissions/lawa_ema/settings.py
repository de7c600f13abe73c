"""What both frameworks share; README.md names the sources."""

BATCH_SIZES = {"imagenet_resnet": 512}
