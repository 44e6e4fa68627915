/**
 * Pairs that came from elsewhere, to be added to those of a study, which may be stored later. A large set may come in
 * parts.
 */
export interface PairSetRecord {
  readonly kind: 'pair-set';
  readonly studyId: string;
  /** As the caller encoded it. */
  readonly pairSet: Uint8Array;
}

/** Pairs that came from elsewhere, by the study that holds them. */
export interface PairSetStore {
  /** All sets of a study, in the order they were added; empty for none. */
  ofStudy(studyId: string): Promise<Uint8Array[]>;
  /** Forgets the sets of a study. */
  remove(studyId: string): Promise<void>;
  /**
   * Forgets the sets of studies that are not stored: a server that ended in the middle of an import left them. Only a
   * server that starts may call it, before any import.
   */
  sweep(): Promise<void>;
}
