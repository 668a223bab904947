// Puts PythonQt into a Python that runs already; `beneath.py` calls it through ctypes.
#include "embedding.h"

#include <PythonQt.h>

#include <QApplication>

void PythonQt_init_QtCore(PyObject*);
void PythonQt_init_QtGui(PyObject*);
void PythonQt_init_QtNetwork(PyObject*);
void PythonQt_init_QtUiTools(PyObject*);

namespace
{
int argumentCount = 1;
char applicationName[] = "Slicer";
char* arguments[] = { applicationName, nullptr };
} // namespace

extern "C" void embedding_start()
{
  new QApplication(argumentCount, arguments);
  PythonQt::init(PythonQt::PythonAlreadyInitialized);
  PythonQt_init_QtCore(nullptr);
  PythonQt_init_QtNetwork(nullptr);
  PythonQt_init_QtGui(nullptr);
  PythonQt_init_QtUiTools(nullptr);
  PythonQt* python = PythonQt::self();
  python->addClassDecorators(new CtkConstructors);
  python->addInstanceDecorators(new CtkConstructors);
  for (const QMetaObject* known : { &ctkCollapsibleButton::staticMetaObject,
                                    &ctkSettingsPanel::staticMetaObject,
                                    &ctkSettingsDialog::staticMetaObject,
                                    &ctkErrorLogModel::staticMetaObject,
                                    &CtkParts::staticMetaObject })
  {
    python->registerClass(known, "CTKWidgets");
  }
  python->addObject(python->getMainModule(), "ctk_parts", new CtkParts);
}

/// Python's interpreter lock stays held, as in Slicer.
extern "C" int embedding_exec()
{
  return QApplication::exec();
}
