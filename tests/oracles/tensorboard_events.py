"""Prints as JSON what TensorBoard itself reads from a run's folder: numbers and pictures by tag, each with its optimiser step."""

import json
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator, IMAGES, SCALARS

events = EventAccumulator(sys.argv[1], size_guidance={SCALARS: 0, IMAGES: 0})
events.Reload()
tags = events.Tags()
print(
    json.dumps(
        {
            "scalars": {tag: [[e.step, e.value] for e in events.Scalars(tag)] for tag in tags["scalars"]},
            "images": {tag: [[e.step, e.width, e.height] for e in events.Images(tag)] for tag in tags["images"]},
        }
    )
)
