/** A blob as an image's manifest names it. */
export interface Descriptor {
  /** `sha256:...` */
  readonly digest: string;
  /** In bytes. */
  readonly size: number;
}
