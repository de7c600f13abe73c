import sys

from conformance.costs import costs

sys.exit(costs.main())
