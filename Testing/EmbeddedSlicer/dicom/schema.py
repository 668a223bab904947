"""The tables of ctkDICOMDatabase, schema 0.8.1.

Columns as in CTK `Libs/DICOM/Core/Resources/dicom-schema.sql`. The tables that only the DICOM browser's columns use
(ColumnDisplayProperties, DisplayedFieldGeneratorRules) are left out.
"""

from __future__ import annotations

VERSION = "0.8.1"

TABLES = """
CREATE TABLE SchemaInfo (Version VARCHAR(1024) NOT NULL);
CREATE TABLE Images (
  SOPInstanceUID VARCHAR(64) NOT NULL PRIMARY KEY, Filename VARCHAR(1024), URL VARCHAR(2048),
  SeriesInstanceUID VARCHAR(64) NOT NULL, InsertTimestamp VARCHAR(20) NOT NULL,
  DisplayedFieldsUpdatedTimestamp DATETIME);
CREATE TABLE Patients (
  UID INTEGER PRIMARY KEY AUTOINCREMENT, PatientsName VARCHAR(255), PatientID VARCHAR(255), PatientsBirthDate DATE,
  PatientsBirthTime TIME, PatientsSex VARCHAR(1), PatientsAge VARCHAR(10), PatientsComments VARCHAR(255),
  InsertTimestamp VARCHAR(20) NOT NULL, DisplayedPatientsName VARCHAR(255), DisplayedNumberOfStudies INT,
  DisplayedLastStudyDate DATE, DisplayedFieldsUpdatedTimestamp DATETIME, Connections VARCHAR(2048));
CREATE TABLE Studies (
  StudyInstanceUID VARCHAR(64) NOT NULL PRIMARY KEY, PatientsUID INT NOT NULL, StudyID VARCHAR(255), StudyDate DATE,
  StudyTime VARCHAR(20), StudyDescription VARCHAR(255), AccessionNumber VARCHAR(255),
  ModalitiesInStudy VARCHAR(255), InstitutionName VARCHAR(255), ReferringPhysician VARCHAR(255),
  PerformingPhysiciansName VARCHAR(255), InsertTimestamp VARCHAR(20) NOT NULL, DisplayedNumberOfSeries INT,
  DisplayedFieldsUpdatedTimestamp DATETIME);
CREATE TABLE Series (
  SeriesInstanceUID VARCHAR(64) NOT NULL PRIMARY KEY, StudyInstanceUID VARCHAR(64) NOT NULL, SeriesNumber INT,
  SeriesDate DATE, SeriesTime VARCHAR(20), SeriesDescription VARCHAR(255), Modality VARCHAR(20),
  BodyPartExamined VARCHAR(255), FrameOfReferenceUID VARCHAR(64), AcquisitionNumber INT,
  ContrastAgent VARCHAR(255), ScanningSequence VARCHAR(45), EchoNumber INT, TemporalPosition INT,
  InsertTimestamp VARCHAR(20) NOT NULL, DisplayedCount INT, DisplayedSize VARCHAR(20), DisplayedNumberOfFrames INT,
  DisplayedFieldsUpdatedTimestamp DATETIME);
CREATE INDEX ImagesFilenameIndex ON Images (Filename);
CREATE INDEX ImagesSeriesIndex ON Images (SeriesInstanceUID);
CREATE INDEX SeriesStudyIndex ON Series (StudyInstanceUID);
CREATE INDEX StudiesPatientIndex ON Studies (PatientsUID);
CREATE TABLE Directories (Dirname VARCHAR(1024) PRIMARY KEY);
"""

TAG_CACHE = "CREATE TABLE TagCache (SOPInstanceUID, Tag, Value, PRIMARY KEY (SOPInstanceUID, Tag))"

#: `ctkDICOMDatabase::initializeTagCache` and `cacheTags`.
TAG_NOT_IN_INSTANCE = "__TAG_NOT_IN_INSTANCE__"
NOT_A_VALUE = ("__TAG_NOT_IN_INSTANCE__", "__VALUE_IS_EMPTY_STRING__", "__VALUE_IS_NOT_STORED__")

#: `ctkDICOMDisplayedFieldGeneratorDefaultRule::getRequiredDICOMTags` and the tags of DICOMScalarVolumePlugin.
TAGS_TO_PRECACHE = (
    *("0008,0018", "0010,0020", "0010,0010", "0010,0030", "0010,0032", "0010,0040", "0010,1010", "0010,4000"),
    *("0020,000D", "0020,0010", "0008,0020", "0008,0030", "0008,0050", "0008,0061", "0008,0080", "0008,1050"),
    *("0008,0090", "0008,1030", "0020,000E", "0008,0021", "0008,0031", "0008,103E", "0008,0060", "0018,0015"),
    *("0020,0052", "0018,0010", "0018,0020", "0020,0011", "0020,0012", "0018,0086", "0020,0100", "0028,0008"),
    *("0028,0010", "0028,0011", "0008,0016", "0028,0004", "0020,0032", "0020,0037", "0008,0008", "0008,0033"),
    *("0018,1060", "0018,9089", "0028,1050", "0028,1051", "0020,0013"),
)
