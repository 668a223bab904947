// What Slicer's C++ side gives to Python through PythonQt, as far as the panel and the message log need it.
#ifndef embedding_h
#define embedding_h

#include <QDateTime>
#include <QFile>
#include <QUiLoader>

#include "ctkCollapsibleButton.h"
#include "ctkErrorLogContext.h"
#include "ctkErrorLogModel.h"
#include "ctkSettingsDialog.h"
#include "ctkSettingsPanel.h"

/// Constructors and destructors, as CTK's own wrappers have them.
class CtkConstructors : public QObject
{
  Q_OBJECT

public slots:
  ctkCollapsibleButton* new_ctkCollapsibleButton(QWidget* parent = nullptr) { return new ctkCollapsibleButton(parent); }
  void delete_ctkCollapsibleButton(ctkCollapsibleButton* made) { delete made; }
  ctkSettingsPanel* new_ctkSettingsPanel(QWidget* parent = nullptr) { return new ctkSettingsPanel(parent); }
  void delete_ctkSettingsPanel(ctkSettingsPanel* made) { delete made; }
};

/// In Slicer a designer plugin of CTK makes these.
class LoaderWithCtk : public QUiLoader
{
  Q_OBJECT

public:
  QWidget* createWidget(const QString& className, QWidget* parent, const QString& name) override
  {
    if (className != "ctkCollapsibleButton")
    {
      return QUiLoader::createWidget(className, parent, name);
    }
    QWidget* made = new ctkCollapsibleButton(parent);
    made->setObjectName(name);
    return made;
  }
};

/// The part of `qSlicerApplication` that hands out CTK objects.
class CtkParts : public QObject
{
  Q_OBJECT

public:
  CtkParts()
    : Dialog(new ctkSettingsDialog)
    , Log(new ctkErrorLogModel)
  {
    this->Log->setLogEntryGrouping(true); // as qSlicerApplication does
    this->Log->setAsynchronousLogging(false);
  }
  Q_INVOKABLE ctkSettingsDialog* settingsDialog() const { return this->Dialog; }
  Q_INVOKABLE ctkErrorLogAbstractModel* errorLogModel() const { return this->Log; }
  Q_INVOKABLE void log(int level, const QString& origin, const QString& text)
  {
    this->Log->addEntry(
      QDateTime::currentDateTime(), "0", ctkErrorLogLevel::LogLevel(level), origin, ctkErrorLogContext(text), text);
  }
  Q_INVOKABLE QWidget* loadUi(const QString& path)
  {
    QFile file(path);
    file.open(QIODevice::ReadOnly);
    return LoaderWithCtk().load(&file);
  }

private:
  ctkSettingsDialog* Dialog;
  ctkErrorLogModel* Log;
};

#endif
