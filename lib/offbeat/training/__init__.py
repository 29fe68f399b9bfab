"""From sessions to a model: sample, split, fit, calibrate, save; candidates and the champion."""
