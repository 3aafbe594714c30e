import { z } from 'zod';

// Imported before any schema is made, which is when zod looks at it. zod would otherwise write and compile a function for
// each schema at its first use. Most of ours are used once or twice, some of them for the first time within a freeze.
z.config({ jitless: true });
