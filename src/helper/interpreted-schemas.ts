import { z } from 'zod';

// Imported before any schema of the protocol is made, which is when zod looks at it. zod would otherwise write and compile
// a function for each of them at its first use, and for half of them that is within the freeze.
z.config({ jitless: true });
