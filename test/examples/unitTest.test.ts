// The example is a test of its own: it only has to be found.
import '../../examples/unit-test.test.js';
