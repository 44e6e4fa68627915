/** How much room there is where a server writes. */
export interface DiskRoom {
  /**
   * Free bytes of the disk on which a STORAGE_FULL was met; `undefined` if the system does not tell.
   *
   * @param metadata of that error: `folder` is the setting of the folder, `outputRoot` or, also if left out,
   * `stateDirectory`; `output` the output in it
   */
  freeBytes(metadata: Readonly<Record<string, string>>): Promise<number | undefined>;
}
