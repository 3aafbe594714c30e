import { z } from 'zod';
import type { CriuImages, Named } from '../../helper/trust/criu-image.ts';

const name = z.string();
const directory = z.looseObject({
  dir_name: name,
  children: z.array(z.unknown()).default([]),
  dir_perms: z.looseObject({ mode: z.int(), uid: z.int(), gid: z.int() }).optional(),
});
const cgroups = z.looseObject({
  sets: z
    .array(
      z.looseObject({
        ctls: z.array(z.looseObject({ name, path: name, cgns_prefix: z.int().default(0) })).default([]),
      }),
    )
    .default([]),
  controllers: z
    .array(z.looseObject({ cnames: z.array(name).default([]), dirs: z.array(directory).default([]) }))
    .default([]),
});
type Cgroups = z.infer<typeof cgroups>;
type Directory = z.infer<typeof directory>;

/** What the kernel calls controllers and named hierarchies (cgroups(7)); of version 2 all are one, without a name. */
const CONTROLLER = /^(?:(?:name=)?[a-z_]{1,32})?$/;
/** So many controllers has no kernel. */
const MOST = 32;
const GROUP_OR_OTHERS_MAY_WRITE = 0o022;

/**
 * In words, what an image says of cgroups beyond that all tasks are in the container's own. CRIU takes the names in it for
 * paths on the node: it mounts hierarchies, makes directories and gives them an owner, and puts tasks there, as root
 * (criu/cgroup.c). A runtime has it put its own container's cgroup in the place of the one that the image names for each
 * controller, and of no other. Pure.
 */
export function cgroupExcesses(images: CriuImages, image: Named | undefined): string[] {
  if (!image) return [];
  const beyond = images.entries(image.name, image.data, 'cgroup_entry', cgroups).flatMap(foreign);
  return [...new Set(beyond)].map((what) => `${image.name}: ${what}`);
}

function foreign({ sets: [set, ...others], controllers }: Cgroups): string[] {
  const members = set?.ctls ?? [];
  if (controllers.length > MOST) return ['more controllers than there are'];
  if (others.length > 0 || members.length !== controllers.length) return ['more than one cgroup'];
  return controllers.flatMap(({ cnames, dirs: [directory, ...more] }) => {
    const joined = cnames.join(',');
    if (cnames.length === 0 || cnames.length > MOST || !cnames.every((each) => CONTROLLER.test(each)))
      return ['a controller of another name than the kernel’s'];
    const [member, twice] = members.filter((each) => each.name === joined);
    if (!member || twice || !directory) return [`no cgroup of ${joined || 'version 2'}`];
    const { path, cgns_prefix: prefix } = member;
    const isWhole = path === `/${directory.dir_name}` && (prefix === 0 || prefix === path.length);
    if (more.length > 0 || directory.children.length > 0 || !isWhole || !isPlain(path)) return ['more than one cgroup'];
    return isRoots(directory) ? [] : ['a cgroup that is not root’s'];
  });
}

const isPlain = (path: string) => !path.split('/').some((part) => part === '..' || part === '.');

function isRoots({ dir_perms: perms }: Directory): boolean {
  return !perms || (perms.uid === 0 && perms.gid === 0 && (perms.mode & GROUP_OR_OTHERS_MAY_WRITE) === 0);
}
