-- What a person's recordings take, without reading the rows: quotas.
CREATE INDEX audio_files_by_uploader
  ON audio_files (uploaded_by, storage_key, playback_key, size_bytes, frames, channels, bit_depth)
  WHERE storage_key IS NOT NULL;

-- Whether anything refers to a blob.
CREATE INDEX audio_files_by_storage_key ON audio_files (storage_key) WHERE storage_key IS NOT NULL;
CREATE INDEX audio_files_by_playback_key ON audio_files (playback_key) WHERE playback_key IS NOT NULL;
CREATE INDEX audio_files_by_waveform_key ON audio_files (waveform_key) WHERE waveform_key IS NOT NULL;

-- Recordings whose bytes are here although nobody will hear them.
CREATE INDEX audio_files_refused ON audio_files (updated_at) WHERE state = 'refused' AND storage_key IS NOT NULL;
CREATE INDEX audio_files_deleted ON audio_files (deleted) WHERE deleted IS NOT NULL AND storage_key IS NOT NULL;
CREATE INDEX projects_deleted ON projects (deleted) WHERE deleted IS NOT NULL;

-- Jobs that have ended, by when.
CREATE INDEX jobs_by_state ON jobs (state, updated_at);
