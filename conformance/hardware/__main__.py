import sys

from conformance.hardware import hardware

sys.exit(hardware.main())
