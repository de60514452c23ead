"""A key that a voter's device makes for one occasion: what it signs, and what is sealed to it.

Errors::

    Exception
    ├── DeviceRequestRefused (requests)
    │   ├── DeviceRequestDiffers (requests)
    │   ├── DeviceRequestMalformed (requests)
    │   └── DeviceRequestUnsigned (requests)
    └── SealBroken (sealing)
    ValueError
    └── DeviceKeyRefused (keys)
"""
